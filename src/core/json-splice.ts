/** Where the value of a key of the outermost object stands in a text, with its key: character offsets. */
interface Member {
  readonly key: string
  readonly start: number
  readonly valueStart: number
  readonly end: number
}

/**
 * The text of a JSON object with one key's value replaced, added at the end, or taken out (`null`); every other character
 * stays where it is. The text must have been accepted by `parseStrictJson`, and be an object.
 */
export function withTopLevelKey(text: string, key: string, value: string | null): string {
  const members = membersOf(text)
  const at = members.findIndex((member) => member.key === key)
  const member = members[at]
  if (member !== undefined) {
    if (value !== null) return text.slice(0, member.valueStart) + value + text.slice(member.end)
    const [before, after] = [members[at - 1], members[at + 1]]
    if (after !== undefined) return text.slice(0, member.start) + text.slice(after.start)
    return text.slice(0, before?.end ?? member.start) + text.slice(member.end)
  }
  if (value === null) return text
  const last = members.at(-1)
  const added = `\n  ${JSON.stringify(key)}: ${value}`
  if (last !== undefined) return `${text.slice(0, last.end)},${added}${text.slice(last.end)}`
  const open = text.indexOf('{') + 1
  return `${text.slice(0, open)}${added}\n${text.slice(text.indexOf('}', open))}`
}

function membersOf(text: string): Member[] {
  const members: Member[] = []
  let depth = 0
  let start = -1
  let end = -1
  let valueStart = -1
  /** The last character that is no blank. */
  let last = -1
  const finish = () => {
    if (start >= 0)
      members.push({ key: JSON.parse(text.slice(start, end)) as string, start, valueStart, end: last + 1 })
    start = -1
    valueStart = -1
  }
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string
    if (/\s/.test(character)) continue
    if (depth === 1 && (character === ',' || character === '}')) finish()
    else if (depth === 1 && start >= 0 && end >= 0 && valueStart < 0 && character !== ':') valueStart = at
    if (character === '"') {
      const close = stringEnd(text, at)
      if (depth === 1 && start < 0) {
        start = at
        end = close
      }
      at = close - 1
    } else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    last = at
  }
  return members
}

/** Just behind its closing quote. */
function stringEnd(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at + 1
  }
  return text.length
}
