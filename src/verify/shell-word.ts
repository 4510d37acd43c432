/** Visible ASCII without the single quote, short enough to be shown whole. */
const COPIED_SAFELY = /^[!-&(-~]{1,300}$/

/**
 * Somebody else's text as one word of a command that is shown to be copied. Between quotes no shell obeys it, but for a
 * quote of its own; then, or where it would be cut off, only its `name` is shown.
 */
export const shellWord = (text: string, name: string): string => (COPIED_SAFELY.test(text) ? `'${text}'` : name)
