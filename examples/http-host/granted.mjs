// What the operator of this host lends to each plugin. A plugin that is not here is lent nothing.

/** @typedef {Pick<import('@bulkhead/plugins').LoadOptions, 'range' | 'functions' | 'settings'>} Granted */

/** @type {ReadonlyMap<string, Granted>} */
const GRANTED = new Map([
  [
    'acme/weather',
    {
      range: '^1',
      // Nothing of this process is within its reach but this one answer.
      functions: { now: () => new Date().toISOString() },
      settings: { units: 'si' },
    },
  ],
])

/** @param {string} name @returns {Granted} */
export const grantedTo = (name) => GRANTED.get(name) ?? {}
