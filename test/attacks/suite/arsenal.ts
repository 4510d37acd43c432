// The attackers: three plugins, one a language, each a program that is told the names of attacks and says how they went.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from '../../helpers/compile.ts'

export const LANGUAGES = ['c', 'node', 'python'] as const
export type Language = (typeof LANGUAGES)[number]

const ARSENAL = join(import.meta.dirname, 'arsenal')
const text = (path: string): string => readFileSync(join(ARSENAL, path), 'utf8')

/** The older attackers are programs of their own, with a table of that name each: in one program with them, they are kept apart. */
const APART = ['main', 'said', 'all', 'yes', 'counted']

function part(path: string, as: string): string {
  const renamed = APART.map((name) => `#define ${name} ${as}_${name}`)
  return [...renamed, text(path), '#undef A', ...APART.map((name) => `#undef ${name}`)].join('\n')
}

/** The attacker in C: what attack.c and siege.c know, and what is new. Static, so that it needs nothing of the host. */
export function compileAttacker(): Promise<string> {
  const source = [
    '#define _GNU_SOURCE\n#include <pthread.h>',
    part('../../launcher/attack.c', 'attack'),
    part('../../runtime/siege.c', 'siege'),
    '#define said attack_said',
    ...['files', 'kernel', 'network', 'shared', 'driver'].map((name) => text(`c/${name}.c`)),
  ]
  return compile(source.join('\n'), { static: true })
}

/** The files of a plugin, `plugin.json` left out. */
export async function filesOf(language: Language, attacker: string): Promise<Record<string, string | Buffer>> {
  if (language === 'c') return { 'bin/x': readFileSync(attacker) }
  return Object.fromEntries(readdirSync(join(ARSENAL, language)).map((name) => [name, text(join(language, name))]))
}
