// One cell of the table in docs/containers.md: a container, and what the real `plugins` says and does in it.

import type { Outcome } from '../../../src/core/outcome.ts'
import type { Diagnosis, RunPlan } from '../../../src/runtime/index.ts'
import { type ContainerOptions, contain, UNIFIED } from './container.ts'

export interface Seen {
  readonly doctor: Diagnosis
  readonly doctorExit: number
  /** What `--dry-run` prints; `null` where even the plan is refused. */
  readonly plan: RunPlan | null
  readonly run: { readonly exit: number; readonly stdout: string; readonly stderr: string; readonly outcome: Outcome }
}

/**
 * cgroup v2: the shell is in the way of the container's own cgroup. An entry point does what the doctor says; to an
 * ordinary user, whose processes `plugins` moves itself, it says nothing.
 */
const MAKE_ROOM = `
plugins doctor --json > before
eval "$(node -e '
  const { layers } = JSON.parse(fs.readFileSync("before", "utf8"))
  console.log(layers.find(({ detail }) => detail.includes("has processes of its own"))?.remedy ?? "")
')" 2>/dev/null
`

/** Everything is printed on one stream, so each part has its own first line. */
const SCRIPT = `
cd /tmp
${UNIFIED ? MAKE_ROOM : ''}
plugins trust add /volume/acme.pub --for 'acme/*' >&2 && plugins install /volume/acme-cell-1.0.0.tgz --yes >&2 || exit 1
echo '#doctor'; plugins doctor --json; exit=$?
echo '#doctorExit'; echo $exit
echo '#plan'; plugins run acme/cell --dry-run 2>/dev/null
echo '#stdout'; plugins run acme/cell --report report 2>stderr; exit=$?
echo '#exit'; echo $exit
echo '#stderr'; cat stderr
echo '#outcome'; cat report
`

export async function look(options: Omit<ContainerOptions, 'args'>): Promise<Seen> {
  const container = await contain({ ...options, args: ['/bin/sh', '-c', SCRIPT] })
  const { status, stdout, stderr } = await container.ended
  if (status !== 0) throw new Error(`the container ended with ${status}: ${stderr}`)
  const parts = new Map(
    stdout
      .split(/^#(?=\w+$)/m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
  )
  const part = (name: string): string => parts.get(name) ?? ''
  return {
    doctor: doctorOf(part('doctor')),
    doctorExit: Number(part('doctorExit')),
    plan: part('plan').startsWith('{"error"') || part('plan') === '' ? null : (JSON.parse(part('plan')) as RunPlan),
    run: {
      exit: Number(part('exit')),
      stdout: part('stdout'),
      stderr: part('stderr'),
      outcome: JSON.parse(part('outcome')) as Outcome,
    },
  }
}

function doctorOf(text: string): Diagnosis {
  const { canRun, layers } = JSON.parse(text) as { canRun: boolean; layers: Diagnosis['findings'] }
  return { canRun, findings: layers }
}

/** The permissions that a diagnosis finds missing, by the words of the table. */
export function missingOf({ findings }: Diagnosis): string[] {
  const missing = new Set<string>()
  for (const { layer, required, available, cause } of findings) {
    if (available || !required) continue
    if (cause?.includes('seccomp profile')) missing.add('seccomp')
    else if (layer === 'memory' || layer === 'processes') missing.add('cgroups')
    else missing.add(layer)
  }
  return [...missing]
}
