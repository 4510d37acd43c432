import type { Config } from './config.ts'
import {
  type EffectiveLimits,
  effectiveLimits,
  type LimitName,
  type LimitRequest,
  type Limits,
  limitContextOf,
} from './limits.ts'
import { HOOKS, type HookName, type Manifest, type Permissions } from './manifest.ts'
import type { PluginName } from './name.ts'
import { agreedNetwork, effectiveNetwork, type NetworkGrant } from './network.ts'
import { CEILINGS } from './profile-limits.ts'
import { PROTOCOLS, type Protocol, RUNTIMES, type Runtime } from './runtimes.ts'
import { hasFields, isCount, isListOf, isNullOr, isOneOf, isRecordOf, isText, type Shape } from './shape.ts'
import type { Signer, VerifiedStatement } from './verified.ts'

/** What a release has run without being started: its hooks, and the look at its health. */
export const UNASKED_RUNS = ['health', ...HOOKS] as const
export type UnaskedRun = 'health' | HookName

/** A program of a release, and how much of the host it may use. */
export interface AgreedProgram {
  readonly runtime: Runtime
  /** What its manifest asks for, to be judged again when the operator has other numbers. */
  readonly asked: LimitRequest
  /** What that came to on this host at that moment. */
  readonly limits: Limits
}

/** How somebody agreed: nothing was wider than before; by `--grant`; by a policy; by a lock file; at a question; by `--yes`. */
export const CONSENT_WAYS = ['unchanged', 'granted', 'policy', 'lock', 'asked', 'yes'] as const
export type ConsentWay = (typeof CONSENT_WAYS)[number]

/** What one release may do on this host, as it was agreed to. */
export interface Agreement extends AgreedProgram {
  /** `network` with what the host's own policy adds to the list, and without what is cut from it at a run. */
  readonly permissions: Permissions
  readonly protocol: Protocol
  readonly hooks: readonly (AgreedProgram & { readonly hook: UnaskedRun })[]
  readonly signers: readonly Signer[]
  readonly countersigners: readonly Signer[]
  /** ISO 8601: nobody signed it, and it was let in by name until then. */
  readonly unsignedUntil: string | null
  /** Who lists its files: its signers, or this host when it came. */
  readonly fileList: 'signed' | 'recorded'
  /** Types of other tools' statements that counted, such as a build's provenance. */
  readonly predicates: readonly string[]
}

/** Whose release it is, as far as the verifier tells. */
export type Vouched = Pick<VerifiedStatement, 'signers' | 'countersigners' | 'fileList' | 'predicates'> & {
  readonly unsignedUntil: string | null
}

/** What a release asks for, under this host's configuration of now. */
export interface Asked {
  readonly agreement: Agreement
  readonly cuts: EffectiveLimits['cuts']
  readonly network: NetworkGrant
}

export function askedBy(config: Config, manifest: Manifest, vouched: Vouched): Asked {
  const { name, entry, protocol, permissions } = manifest
  const asked = given(manifest.limits)
  const { limits, cuts } = effectiveLimits(asked, limitContextOf(config, { name, entry, protocol }))
  const network = effectiveNetwork(config, manifest, { agreed: null })
  const agreement: Agreement = {
    permissions: { ...permissions, network: agreedNetwork(permissions.network, network) },
    runtime: entry.runtime,
    protocol,
    asked,
    limits,
    hooks: hooksOf(config, manifest),
    signers: vouched.signers,
    countersigners: vouched.countersigners,
    unsignedUntil: vouched.unsignedUntil,
    fileList: vouched.fileList,
    predicates: vouched.predicates,
  }
  return { agreement, cuts, network }
}

function hooksOf(config: Config, { name, health, hooks, limits }: Manifest): Agreement['hooks'] {
  return UNASKED_RUNS.flatMap((hook) => {
    const entry = hook === 'health' ? health : hooks[hook]
    if (entry === undefined) return []
    const asked = { ...limits, ...given(entry.limits) }
    return [{ hook, runtime: entry.runtime, asked, limits: limitsToday(config, name, entry.runtime, 'stdio', asked) }]
  })
}

/** Without what is not said: that must not stand over what is, and is not there once it was kept. */
const given = (request: LimitRequest): LimitRequest =>
  Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined))

function limitsToday(
  config: Config,
  name: PluginName,
  runtime: Runtime,
  protocol: Protocol,
  asked: LimitRequest,
): Limits {
  return effectiveLimits(asked, limitContextOf(config, { name, entry: { runtime }, protocol })).limits
}

/**
 * What was agreed to, under the configuration of now: an operator who raised a default or a ceiling has given that to what is
 * installed already, so an update that gets the same asks for nothing more.
 */
export function standing(config: Config, name: PluginName, agreed: Agreement): Agreement {
  const raised = (program: AgreedProgram, protocol: Protocol): Limits =>
    wider(program.limits, limitsToday(config, name, program.runtime, protocol, program.asked))
  return {
    ...agreed,
    limits: raised(agreed, agreed.protocol),
    hooks: agreed.hooks.map((hook) => ({ ...hook, limits: raised(hook, 'stdio') })),
  }
}

/** What the same release would be that asks for nothing: against this a first install is measured. */
export function modest(config: Config, name: PluginName, asked: Agreement): Agreement {
  return {
    ...asked,
    permissions: { network: [], read: [], env: [] },
    asked: {},
    limits: limitsToday(config, name, asked.runtime, asked.protocol, {}),
    hooks: [],
  }
}

/** 0 is no limit at all, but for /data: there it is no folder. */
export const isMore = (limit: LimitName, value: number, than: number): boolean => {
  const rank = (amount: number) => (amount === 0 && limit !== 'dataBytes' ? Number.POSITIVE_INFINITY : amount)
  return rank(value) > rank(than)
}

export const LIMIT_NAMES = Object.keys(CEILINGS.production) as LimitName[]

function wider(one: Limits, other: Limits): Limits {
  const pairs = LIMIT_NAMES.map((name) => [name, isMore(name, other[name], one[name]) ? other[name] : one[name]])
  return Object.fromEntries(pairs) as Limits
}

export const isPermissions = hasFields({
  network: isListOf(isText),
  read: isListOf(isText),
  env: isListOf(isText),
}) as (value: unknown) => value is Permissions

const isSigner = hasFields({ id: isText, kind: isOneOf(['keyed', 'keyless']), principal: isText })
const PROGRAM: Readonly<Record<string, Shape>> = {
  runtime: isOneOf(RUNTIMES),
  asked: isRecordOf(isCount),
  limits: hasFields(Object.fromEntries(LIMIT_NAMES.map((name) => [name, isCount]))),
}

/** Of a row of the database. */
export const isAgreement = hasFields({
  ...PROGRAM,
  permissions: isPermissions,
  protocol: isOneOf(PROTOCOLS),
  hooks: isListOf(hasFields({ ...PROGRAM, hook: isOneOf(UNASKED_RUNS) })),
  signers: isListOf(isSigner),
  countersigners: isListOf(isSigner),
  unsignedUntil: isNullOr(isText),
  fileList: isOneOf(['signed', 'recorded']),
  predicates: isListOf(isText),
}) as (value: unknown) => value is Agreement
