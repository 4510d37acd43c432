// One card for each plugin. Whatever a plugin says becomes text, and never anything else.

/** @typedef {import('../figures.mjs').Snapshot} Snapshot */
/** @typedef {Snapshot['plugins'][number]} Plugin */

/** Samples in a trace: a minute. */
const TRACE = 60

/** @template {keyof HTMLElementTagNameMap} K @param {K} tag @param {{ text?: string, className?: string, data?: Record<string, string> }} [options] @param {Node[]} children */
export function element(tag, { text, className, data = {} } = {}, ...children) {
  const made = document.createElement(tag)
  if (text !== undefined) made.textContent = text
  if (className !== undefined) made.className = className
  Object.assign(made.dataset, data)
  made.append(...children)
  return made
}

/** @param {Record<string, string>} figures */
export const figureList = (figures) =>
  Object.entries(figures).map(([name, value]) =>
    element('div', {}, element('dt', { text: name }), element('dd', { text: value })),
  )

/** @param {number | null} bytes */
export const size = (bytes) => (bytes === null ? '–' : `${(bytes / 2 ** 20).toFixed(1)} MiB`)

/** @param {number} ms */
export function age(ms) {
  const seconds = Math.floor(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
}

/** @param {number | null | undefined} ms */
const time = (ms) => (ms === null || ms === undefined ? '–' : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`)
/** @param {number | undefined} count */
const number = (count) => (count === undefined ? '–' : count.toLocaleString('en'))

export class Card {
  node = element('section')
  #name
  /** Calls a second, the newest last. @type {number[]} */
  #rates = []
  #made = 0
  #atMs = 0

  /** @param {string} name */
  constructor(name) {
    this.#name = name
    this.node.setAttribute('aria-label', name)
  }

  /** @param {Plugin} plugin @param {number} atMs */
  show(plugin, atMs) {
    this.#sample(plugin.calls?.made ?? 0, atMs)
    const { calls } = plugin
    const figures = element(
      'dl',
      { className: 'figures' },
      ...figureList({
        calls: number(calls?.made),
        failed: number(calls?.failed),
        waiting: number(calls?.waiting),
        p50: time(calls?.p50Ms),
        p99: time(calls?.p99Ms),
        restarts: number(plugin.restarts),
      }),
    )
    this.node.replaceChildren(
      this.#title(plugin),
      figures,
      this.#trace(),
      ...(plugin.instances.length === 0 ? [] : [instanceTable(plugin)]),
      element('h3', { text: 'Last events' }),
      eventList(plugin),
    )
  }

  /** @param {Plugin} plugin */
  #title({ state, circuit, instances }) {
    const version = instances[0]?.version
    return element(
      'div',
      { className: 'title' },
      element('h2', { text: version === undefined ? this.#name : `${this.#name} ${version}` }),
      ...(circuit === null
        ? []
        : [element('p', { className: 'badge', text: `circuit ${circuit}`, data: { state: circuit } })]),
      element('p', { className: 'badge', text: state, data: { state } }),
    )
  }

  /** @param {number} made @param {number} atMs */
  #sample(made, atMs) {
    const seconds = (atMs - this.#atMs) / 1_000
    // Loaded anew, it counts from the beginning.
    if (this.#atMs > 0 && seconds > 0)
      this.#rates = [...this.#rates, Math.max(0, made - this.#made) / seconds].slice(-TRACE)
    this.#made = made
    this.#atMs = atMs
  }

  #trace() {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
    const most = Math.max(1, ...this.#rates)
    svg.setAttribute('class', 'trace')
    svg.setAttribute('viewBox', `0 0 ${TRACE - 1} 20`)
    svg.setAttribute('preserveAspectRatio', 'none')
    // Its last value is the caption beside it.
    svg.setAttribute('aria-hidden', 'true')
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline')
    const from = TRACE - this.#rates.length
    line.setAttribute('points', this.#rates.map((rate, at) => `${from + at},${19 - (rate / most) * 18}`).join(' '))
    svg.append(line)
    const caption = element('figcaption', { text: `${(this.#rates.at(-1) ?? 0).toFixed(1)} calls a second` })
    const figure = element('figure', {}, caption)
    figure.append(svg)
    return figure
  }
}

const COLUMNS = ['instance', 'up', 'memory', 'processor', 'processes', 'waiting']

/** @param {Plugin} plugin */
function instanceTable({ instances }) {
  const head = element('tr', {}, ...COLUMNS.map((text) => element('th', { text })))
  const rows = instances.map((one) =>
    element(
      'tr',
      {},
      element('td', { text: one.run }),
      element('td', { text: age(one.upMs) }),
      element('td', {}, ...bar(one.memoryBytes, one.memoryMaxBytes, 'memory'), new Text(size(one.memoryBytes))),
      element('td', { text: one.cpuPermille === null ? '–' : `${(one.cpuPermille / 10).toFixed(1)} %` }),
      element('td', {}, ...bar(one.processes, one.processesMax, 'processes'), new Text(String(one.processes ?? '–'))),
      element('td', { text: String(one.waiting) }),
    ),
  )
  const table = element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows))
  return element('div', { className: 'scroll' }, table)
}

/** @param {number | null} value @param {number | null} most @param {string} what */
function bar(value, most, what) {
  if (value === null || most === null) return []
  const meter = element('meter')
  Object.assign(meter, { max: most, low: most * 0.75, high: most * 0.9, optimum: 0, value })
  meter.setAttribute('aria-label', what)
  return [meter]
}

/** @param {Plugin} plugin */
function eventList({ events }) {
  const rows = events.map(({ atMs, kind, text }) => {
    const at = new Date(atMs)
    const when = element('time', { text: at.toLocaleTimeString('en-GB') })
    when.dateTime = at.toISOString()
    return element('li', {}, when, element('b', { text: kind, data: { kind } }), element('span', { text }))
  })
  return element('ul', { className: 'events' }, ...rows)
}
