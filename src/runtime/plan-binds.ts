import { IsolationError } from '../core/errors.ts'
import { ETC_FILES } from '../core/etc-files.ts'
import { CERTIFICATES_INSIDE } from './certificates.ts'
import type { Bind } from './interpreter.ts'

/** What of the host, and of the plugin's own root, is mounted into a run. */
export interface BindSources {
  readonly name: string
  /** The chroot directory. */
  readonly root: string
  readonly interpreter: readonly Bind[]
  readonly reads: readonly Bind[]
  /** The host's certificate authorities, for a run with a network. */
  readonly certificates: string | null
  /** The file that holds what its operator has set, for a plugin that can be told something. */
  readonly settings?: string | null
  /** What Node has compiled of the package. */
  readonly compileCache?: string | null
  /** A folder of sockets to dial, or `null`. */
  readonly sockets?: string | null
}

/** Where that folder is inside. /usr: every root has it, and hardly anything is shown as a whole above it. */
export const SOCKETS_INSIDE = '/usr/bulkhead'

/** Where Node finds it. */
export const COMPILE_CACHE_INSIDE = '/etc/plugin/compiled'

/** Where a plugin finds its settings, as one JSON object; `PLUGIN_CONFIG` names it. */
export const SETTINGS_INSIDE = '/etc/plugin/config.json'

/** Pure. In the order they are mounted. @throws IsolationError `READ_REFUSED` for a path that would hide another. */
export function placeBinds({
  name,
  root,
  interpreter,
  reads,
  certificates,
  settings = null,
  compileCache = null,
  sockets = null,
}: BindSources): Bind[] {
  // First: what the operator lets it read must not lie in its place.
  const told = settings === null ? [] : [{ outside: settings, inside: SETTINGS_INSIDE, executable: false }]
  const compiled =
    compileCache === null ? [] : [{ outside: compileCache, inside: COMPILE_CACHE_INSIDE, executable: false }]
  const binds = [...interpreter, ...told, ...compiled]
  if (sockets !== null) binds.push({ outside: sockets, inside: SOCKETS_INSIDE, executable: false })
  for (const read of reads) {
    // What a bind already shows needs no second one; what lies above one would hide it.
    if (isShown(read.inside, binds)) continue
    const hidden = binds.find((bind) => bind.inside.startsWith(`${read.inside}/`))
    if (hidden) {
      throw new IsolationError(
        'READ_REFUSED',
        `cannot show ${read.inside} to ${name}: ${hidden.inside} lies below it`,
        {
          hint: 'name the folders below it one by one',
        },
      )
    }
    binds.push(read)
  }
  return [...binds, ...certificateBinds(certificates, binds), ...etcBinds(root, certificates, binds)]
}

const isShown = (path: string, binds: readonly Bind[]): boolean =>
  binds.some(({ inside }) => inside === path || path.startsWith(`${inside}/`))

/** A folder that the operator shows there comes first, and what is not in it is not there. */
function certificateBinds(certificates: string | null, binds: readonly Bind[]): Bind[] {
  if (certificates === null) return []
  const places = CERTIFICATES_INSIDE.filter((inside) => !isShown(inside, binds))
  return places.map((inside) => ({ outside: certificates, inside, executable: false }))
}

/** A bind below /etc takes a skeleton there, which hides what the plugin's own /etc holds. */
function etcBinds(root: string, certificates: string | null, binds: readonly Bind[]): Bind[] {
  const isHidden = certificates !== null || binds.some(({ inside }) => inside.startsWith('/etc/'))
  if (!isHidden) return []
  const own = Object.keys(ETC_FILES).map((file) => `/etc/${file}`)
  return own
    .filter((inside) => !isShown(inside, binds))
    .map((inside) => ({ outside: `${root}${inside}`, inside, executable: false }))
}
