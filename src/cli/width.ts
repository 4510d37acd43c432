const ASCII = /^[\x20-\x7e]*$/

/** What takes no column: marks on the letter before, joiners. */
const nothing = () => /^(?:\p{Mn}|\p{Me}|[\u200b\u200c]|\u200d)$/u
/** Letters, and half of a flag, that are wide although they stand in no other list here. */
const wide = () =>
  /^(?:(?!\p{Regional_Indicator})\p{Emoji_Presentation}|[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{scx=Bopo}\p{scx=Yiii}]|[\u2329\u232a\u2e80-\u303e\u3400-\u9fff\uff01-\uff60\uffe0-\uffe6]|[\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}])$/u
const EMOJI_STYLE = '\ufe0f'

/**
 * Columns that printable text takes in a terminal. Where terminals differ (an emoji made of several), the widest of them:
 * a row that is too short looks uneven, one that is too long breaks the table.
 */
export function widthOf(text: string): number {
  return ASCII.test(text) ? text.length : [...text].reduce((sum, character) => sum + widthOfOne(character), 0)
}

function widthOfOne(character: string): number {
  if (character < '\u0300') return 1
  if (character === EMOJI_STYLE) return 1
  if (nothing().test(character)) return 0
  return wide().test(character) && !isHalfWidth(character) ? 2 : 1
}

/** Narrow forms of Katakana and Hangul, which are of those scripts too. */
const isHalfWidth = (character: string): boolean => character >= '\uff61' && character <= '\uffdc'

/** As much of it as fits, and a … where that is not all. */
export function fit(text: string, columns: number): string {
  if (text.length <= columns && ASCII.test(text)) return text
  if (widthOf(text) <= columns) return text
  let taken = ''
  let width = 1 // of the …
  for (const character of text) {
    width += widthOfOne(character)
    if (width > columns) break
    taken += character
  }
  return columns < 1 ? '' : `${taken.replace(/[\s\u200d]+$/, '')}…`
}

export const padded = (text: string, columns: number): string =>
  `${text}${' '.repeat(Math.max(0, columns - widthOf(text)))}`

/** Lines no wider than so many columns, broken at blanks where there are any; a word that is wider is broken in itself. */
export function fold(text: string, columns: number): string[] {
  const room = Math.max(1, columns)
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`
    if (widthOf(joined) <= room) {
      line = joined
      continue
    }
    if (line !== '') lines.push(line)
    const pieces = broken(word, room)
    line = pieces.pop() ?? ''
    lines.push(...pieces)
  }
  return [...lines, line]
}

function broken(word: string, columns: number): string[] {
  if (widthOf(word) <= columns) return [word]
  const pieces: string[] = []
  let piece = ''
  for (const character of word) {
    if (piece !== '' && widthOf(piece) + widthOfOne(character) > columns) {
      pieces.push(piece)
      piece = ''
    }
    piece += character
  }
  return [...pieces, piece]
}
