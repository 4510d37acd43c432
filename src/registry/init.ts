import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { PluginError, UsageError } from '../core/errors.ts'
import { MANIFEST_FILE, MANIFEST_SCHEMA } from '../core/manifest.ts'
import { isPluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import { RUNTIMES, type Runtime } from '../core/runtimes.ts'

interface Program {
  readonly path: string
  readonly text: string
  readonly executable: boolean
}

/** The smallest program that shows the three things a plugin has: arguments, standard input, a name of its own. */
const PROGRAMS: Readonly<Record<Runtime, Program>> = {
  node: {
    path: 'main.mjs',
    executable: false,
    text: `const names = process.argv.slice(2)
for (const name of names.length > 0 ? names : ['world']) console.log(\`Hello, \${name}!\`)
console.log(\`This is \${process.env.PLUGIN_NAME} \${process.env.PLUGIN_VERSION}.\`)
`,
  },
  python: {
    path: 'main.py',
    executable: false,
    text: `import os
import sys

for name in sys.argv[1:] or ["world"]:
    print(f"Hello, {name}!")
print(f"This is {os.environ['PLUGIN_NAME']} {os.environ['PLUGIN_VERSION']}.")
`,
  },
  exec: {
    path: 'main.sh',
    executable: true,
    text: `#!/bin/sh
set -eu
[ "$#" -gt 0 ] || set -- world
for name in "$@"; do printf 'Hello, %s!\\n' "$name"; done
printf 'This is %s %s.\\n' "$PLUGIN_NAME" "$PLUGIN_VERSION"
`,
  },
}

/** The same for a host that calls: one answer, and one in items. With the author's kit, by its name in this package. */
const SPEAKERS: Readonly<Partial<Record<Runtime, Program & { readonly kit: string }>>> = {
  node: {
    path: 'main.mjs',
    executable: false,
    kit: '@bulkhead/plugins/plugin',
    text: `import { serve } from './plugin.js'

await serve({
  greet: ({ name = 'world' }) => \`Hello, \${name}!\`,
  async *count({ to }) {
    for (let i = 1; i <= to; i++) yield i
  },
})
`,
  },
  python: {
    path: 'main.py',
    executable: false,
    kit: '@bulkhead/plugins/bulkhead_plugin.py',
    text: `import bulkhead_plugin


def greet(params, context):
    return f"Hello, {params.get('name', 'world')}!"


def count(params, context):
    for i in range(1, params["to"] + 1):
        yield i


bulkhead_plugin.serve({"greet": greet, "count": count})
`,
  },
}

function programFor(runtime: Runtime, protocol: string): Program & { readonly kit: string | null } {
  if (protocol === 'stdio') return { ...PROGRAMS[runtime], kit: null }
  const speaker = protocol === 'jsonrpc' ? SPEAKERS[runtime] : undefined
  if (speaker !== undefined) return speaker
  throw new UsageError(
    'USAGE',
    `cannot write a plugin of runtime ${runtime} and protocol "${printable(protocol)}": expected stdio, or jsonrpc for node and python`,
  )
}

/** What is asked for; `protocol`: stdio, if it is not said. */
export interface InitOptions {
  readonly name: string
  readonly runtime: string
  readonly protocol?: string | undefined
}

/** @throws PluginError `FILE_EXISTS` when the folder is there; UsageError for a bad name, runtime or protocol */
export async function initPlugin(dir: string, asked: InitOptions) {
  if (!isPluginName(asked.name)) {
    throw new UsageError(
      'USAGE',
      `cannot name a plugin "${printable(asked.name)}": expected NAMESPACE/NAME in lower case, such as acme/hello`,
    )
  }
  const runtime = RUNTIMES.find((known) => known === asked.runtime)
  if (runtime === undefined) {
    throw new UsageError(
      'USAGE',
      `cannot use the runtime "${printable(asked.runtime)}": expected ${RUNTIMES.join(', ')}`,
    )
  }
  const { protocol = 'stdio' } = asked
  const program = programFor(runtime, protocol)
  const manifest = {
    $schema: MANIFEST_SCHEMA,
    name: asked.name,
    version: '1.0.0',
    description: 'Says hello',
    entry: { runtime, path: program.path },
    ...(protocol === 'stdio' ? {} : { protocol }),
    limits: { timeout: '30s' },
  }
  // Found before anything is made: where it is not, nothing is left behind.
  const kit = program.kit === null ? null : createRequire(`${import.meta.dirname}/`).resolve(program.kit)
  try {
    await mkdir(dir)
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST'
    throw isThere
      ? new PluginError('FILE_EXISTS', `cannot make ${dir}: it is there already`, { cause: error })
      : new PluginError('FILE_UNWRITABLE', `cannot make ${dir}: ${(error as Error).message}`, { cause: error })
  }
  await writeFile(join(dir, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`)
  await writeFile(join(dir, program.path), program.text)
  if (program.executable) await chmod(join(dir, program.path), 0o755)
  const files = [MANIFEST_FILE, program.path]
  if (kit !== null) {
    await copyFile(kit, join(dir, basename(kit)))
    files.push(basename(kit))
  }
  return { name: asked.name, runtime, protocol, files }
}
