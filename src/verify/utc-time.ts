/** RFC 3339 in UTC, to the second or finer; one spelling, so that times compare and read alike everywhere. */
const UTC_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/

/** Milliseconds since 1970, or `null` when the text is no such time. February has no 30th: Date would roll it over. */
export function parseUtcTime(text: string): number | null {
  if (!UTC_TIME.test(text)) return null
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) return null
  return new Date(ms).toISOString().slice(0, 19) === text.slice(0, 19) ? ms : null
}
