import type { ListedPlugin } from './registry.ts'

/** Those that have every word of `text` in their name or description: names before descriptions, then by the alphabet. */
export function ranked<T extends ListedPlugin>(plugins: readonly T[], text: string): T[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return plugins
    .map((plugin) => ({ plugin, rank: rankOf(plugin, words) }))
    .filter(({ rank }) => Number.isFinite(rank))
    .sort((a, b) => a.rank - b.rank || (a.plugin.name < b.plugin.name ? -1 : 1))
    .map(({ plugin }) => plugin)
}

/** The sum over the words; infinite where one is missing. */
function rankOf({ name, description }: ListedPlugin, words: readonly string[]): number {
  const [namespace, base] = name.split('/')
  const sentence = description?.toLowerCase() ?? ''
  return words.reduce((sum, word) => {
    if (word === name || word === base) return sum
    if (base?.startsWith(word)) return sum + 1
    if (word === namespace || name.includes(word)) return sum + 2
    return sum + (sentence.includes(word) ? 3 : Number.POSITIVE_INFINITY)
  }, 0)
}
