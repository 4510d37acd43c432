import { hasFields, isCount, isNullOr, isText } from './shape.ts'

export interface User {
  readonly user: string
  readonly uid: number
}

/** Who decided something: the user of the process, and for whom sudo says it works. The latter is a claim: anybody may write it. */
export interface Who extends User {
  readonly sudo: User | null
}

type Environment = Readonly<Record<string, string | undefined>>

/** What a login name can be on Linux; nothing else is taken over from an environment. */
const LOGIN = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/
const UID_MAX = 2 ** 32 - 2

/** `SUDO_USER` and `SUDO_UID` as sudo sets them, if both are there and plausible. */
export function whoOf({ user, uid }: User, { SUDO_USER: name = '', SUDO_UID: id = '' }: Environment): Who {
  const isPlausible = LOGIN.test(name) && /^(?:0|[1-9]\d{0,9})$/.test(id) && Number(id) <= UID_MAX
  return { user, uid, sudo: isPlausible ? { user: name, uid: Number(id) } : null }
}

/** `alice (1000)`, or `alice (1000), by sudo as root (0)`. */
export function formatWho({ user, uid, sudo }: Who): string {
  const own = `${user} (${uid})`
  return sudo === null ? own : `${sudo.user} (${sudo.uid}), by sudo as ${own}`
}

/** Of a row of the database. */
export const isWho = hasFields({
  user: isText,
  uid: isCount,
  sudo: isNullOr(hasFields({ user: isText, uid: isCount })),
}) as (value: unknown) => value is Who
