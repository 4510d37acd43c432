import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { Host } from './host.ts'

/**
 * Is this version here still, to be run or gone back to? Its row goes before its files do: what was found of files that are not as
 * they were says nothing about a version that another process has removed meanwhile.
 */
export function isStillHere({ store }: Pick<Host, 'store'>, { id, name, installedAtMs }: Installation): boolean {
  const now = store.at(id)
  // SQLite gives the number of a row that is gone to the next.
  return now !== null && now.name === name && now.installedAtMs === installedAtMs && now.state !== 'removing'
}

/** The same of the version that is installed, whatever its state. @throws StoreError `STORE_BUSY` */
export function assertStillInstalled(
  host: Pick<Host, 'store'>,
  { id, name, version }: Installation,
  verb: string,
): void {
  if (host.store.find(name)?.id === id) return
  throw new StoreError(
    'STORE_BUSY',
    `cannot ${verb} ${name}: another process has just put another one in the place of ${version}`,
    {
      hint: 'try again',
    },
  )
}

/** @throws StoreError `STORE_BUSY`, for what is to be decided anew */
export function assertStillHere(host: Pick<Host, 'store'>, installation: Installation, verb: string): void {
  if (isStillHere(host, installation)) return
  const { name, version } = installation
  throw new StoreError('STORE_BUSY', `cannot ${verb} ${name}: another process has just removed ${version}`, {
    hint: 'try again',
  })
}

/** What was found of a version that another process has removed meanwhile is no verdict about it. */
export const unlessRemoved = (host: Pick<Host, 'store'>, installation: Installation, verb: string, error: unknown) =>
  isStillHere(host, installation) ? error : justRemoved(installation, verb)

export const justRemoved = ({ name }: Pick<Installation, 'name'>, verb: string): StoreError =>
  new StoreError('NOT_INSTALLED', `cannot ${verb} ${name}: another process has just removed it`, {
    hint: 'plugins list',
  })
