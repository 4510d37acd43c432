import { UsageError } from '../../index.ts'
import type { Io } from '../io.ts'
import type { Page } from '../manual/page.ts'
import { pageText } from '../manual/terminal.ts'
import { programPage, verbPage } from '../manual/verb-page.ts'
import type { Settings } from '../options.ts'
import { similar } from '../similar.ts'
import { plain } from '../text.ts'
import { findTopic, topicsOf } from '../topics/all.ts'
import { everyVerb, findVerb } from '../verbs/find.ts'

/** About a command, a topic, or, where something is both, about both. */
export async function help(settings: Settings, io: Io, words: readonly string[]) {
  const pages = await pagesOn(words)
  if (pages.length === 0) throw unknown(words)
  if (settings.json) return void io.stdout(`${JSON.stringify(pages.length === 1 ? pages[0] : pages, null, 2)}\n`)
  io.stdout(pages.map((page) => pageText(page, io.columns)).join('\n'))
}

async function pagesOn(words: readonly string[]): Promise<readonly Page[]> {
  if (words.length === 0) return [programPage()]
  const verb = findVerb(words)
  const topic = words.length === 1 ? findTopic(words[0] ?? '') : undefined
  return [
    ...(verb === undefined ? [] : [verbPage(words, verb)]),
    ...(topic === undefined ? [] : [{ title: topic.name, what: topic.what, usage: [], sections: await topic.load() }]),
  ]
}

function unknown(words: readonly string[]): UsageError {
  const all = [...everyVerb().map(([path]) => path.join(' ')), ...topicsOf().map(({ name }) => name)]
  const asked = words.join(' ')
  const meant = similar(asked, all)
  const question = meant.length === 0 ? '' : ` (Did you mean ${meant.slice(0, 3).join(', or ')}?)`
  return new UsageError('USAGE', `cannot help with "${plain(asked)}": there is no such command or topic${question}`, {
    hint: 'plugins help lists both',
  })
}
