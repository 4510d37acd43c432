import { StoreError } from '../core/errors.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import { type PluginName, SEMVER } from '../core/name.ts'
import { parseRequest } from '../core/request.ts'
import type { ResolutionStep } from '../core/resolution.ts'
import { choose, ofNeeded } from './acquisition.ts'
import type { InstallReport } from './admission.ts'
import { bringTogether } from './bringing.ts'
import { openCatalog } from './catalog.ts'
import type { Host } from './host.ts'
import type { AdmitOptions } from './vetting.ts'

export interface GetOptions extends AdmitOptions {
  /** The name of a configured registry, a folder or an address, in the place of all that are configured. */
  readonly registry?: string | undefined
  /** Says what would be installed; nothing is fetched. */
  readonly dryRun?: boolean | undefined
}

/** One release of those that were chosen. */
export interface PlannedRelease
  extends Pick<ResolutionStep<ListedRelease>, 'name' | 'version' | 'from' | 'action' | 'neededBy'> {
  readonly registry: string | null
  readonly bytes: number | null
}

export interface GetReport {
  readonly planned: readonly PlannedRelease[]
  /** Empty with `dryRun`. */
  readonly installed: readonly InstallReport[]
}

/**
 * `NAME` or `NAME@RANGE`, from the registry that serves the name, and what they need. They are chosen together, and
 * decided on before the first comes in, what is needed first; those that need each other come in together or not at all.
 *
 * @throws StoreError `ALREADY_INSTALLED` when nothing is to be done; PluginError of choice, registry or verdict
 */
export async function get(host: Host, requests: readonly string[], options: GetOptions): Promise<GetReport> {
  const parsed = await Promise.all(requests.map(parseRequest))
  const catalog = await openCatalog(host, options.registry ?? null)
  const wanted = parsed.map(({ name, range }) => ({ name, range, exact: range !== null && SEMVER.test(range) }))
  const isExact = wanted.every(({ exact }) => exact)
  const { steps } = await choose(host, catalog, wanted, { ...options, isExact })
  const coming = steps.flatMap((step) => (step.candidate === null ? [] : [{ ...step, candidate: step.candidate }]))
  const planned = coming.map(plannedOf)
  const [first] = wanted
  if (coming.length === 0 && first !== undefined) throw nothingToDo(first.name, versionOf(steps, first.name))
  if (options.dryRun === true) return { planned, installed: [] }
  const besides = coming.map(({ name }) => name)
  const arrivals = await bringTogether(
    host,
    catalog,
    coming.map(({ name, candidate }) => {
      const named = wanted.find((one) => one.name === name)
      const said = named === undefined ? ofNeeded(options) : options
      const asked = named?.range ?? null
      return { candidate, options: { ...said, mode: 'ask', listed: candidate, asked, besides } }
    }),
  )
  const installed = arrivals.flatMap((one) => (one.kind === 'installed' ? [one.report] : []))
  if (installed.length === 0 && first !== undefined) throw nothingToDo(first.name, versionOf(steps, first.name))
  return { planned, installed }
}

/** One of them: its report, whatever came with it. */
export async function getOne(host: Host, request: string, options: GetOptions): Promise<InstallReport> {
  const { name } = await parseRequest(request)
  const { installed } = await get(host, [request], { ...options, dryRun: false })
  const report = installed.find((one) => one.name === name)
  if (report === undefined) throw new TypeError(`${name} was chosen and did not come in`)
  return report
}

const plannedOf = ({
  name,
  version,
  from,
  action,
  neededBy,
  candidate,
}: ResolutionStep<ListedRelease>): PlannedRelease => ({
  name,
  version,
  from,
  action,
  neededBy,
  registry: candidate?.registry ?? null,
  bytes: candidate?.bytes ?? null,
})

const versionOf = (steps: readonly ResolutionStep<ListedRelease>[], name: PluginName): string | null =>
  steps.find((step) => step.name === name)?.version ?? null

/** As it was when it was decided: by now it may be gone again. */
function nothingToDo(name: PluginName, version: string | null): StoreError {
  const message = `cannot install ${name}: ${version ?? 'it'} is installed already, and is what was asked for`
  return new StoreError('ALREADY_INSTALLED', message, { hint: `plugins outdated ${name}` })
}
