import { version } from '../../index.ts'
import { topicsOf } from '../topics/all.ts'
import { VERBS } from '../verbs/all.ts'
import { findVerb } from '../verbs/find.ts'
import type { Verb } from '../verbs/verb.ts'
import type { Page } from './page.ts'
import { manPage } from './roff.ts'
import { programPage, verbPage } from './verb-page.ts'

/** Every page of the manual by its file name: one for the program, for each command, and for each topic. */
export async function manPages(): Promise<ReadonlyMap<string, string>> {
  const verbs = VERBS.flatMap((group) => group.verbs).filter(({ isHidden }) => isHidden !== true)
  const topics = topicsOf()
  const pages = new Map<string, string>()
  const all = [...verbs.map(({ name }) => `plugins-${name}(1)`), ...topics.map(({ name }) => `plugins-${name}(7)`)]
  pages.set('plugins.1', manPage(programPage(), [], { section: 1, version, seeAlso: all }))
  for (const verb of verbs) {
    const seeAlso = ['plugins(1)', ...topics.map(({ name }) => `plugins-${name}(7)`)]
    const [page, ...inner] = pagesOf([verb.name], verb)
    if (page !== undefined) pages.set(`plugins-${verb.name}.1`, manPage(page, inner, { section: 1, version, seeAlso }))
  }
  for (const topic of topics) {
    const page = { title: `plugins ${topic.name}`, what: topic.what, usage: [], sections: await topic.load() }
    const own = findVerb([topic.name]) === undefined ? [] : [`plugins-${topic.name}(1)`]
    pages.set(`plugins-${topic.name}.7`, manPage(page, [], { section: 7, version, seeAlso: ['plugins(1)', ...own] }))
  }
  return pages
}

/** Of a command and of all below it. */
const pagesOf = (path: readonly string[], verb: Verb): Page[] => [
  verbPage(path, verb),
  ...(verb.verbs ?? []).flatMap((inner) => pagesOf([...path, inner.name], inner)),
]
