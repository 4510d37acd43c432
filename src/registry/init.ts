import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PluginError, UsageError } from '../core/errors.ts'
import { MANIFEST_FILE, MANIFEST_SCHEMA } from '../core/manifest.ts'
import { isPluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import { RUNTIMES, type Runtime } from '../core/runtimes.ts'

/** The smallest program that shows the three things a plugin has: arguments, standard input, a name of its own. */
const PROGRAMS: Readonly<
  Record<Runtime, { readonly path: string; readonly text: string; readonly executable: boolean }>
> = {
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

/** @throws PluginError `FILE_EXISTS` when the folder is there; UsageError for a bad name or runtime */
export async function initPlugin(dir: string, asked: { readonly name: string; readonly runtime: string }) {
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
  const program = PROGRAMS[runtime]
  const manifest = {
    $schema: MANIFEST_SCHEMA,
    name: asked.name,
    version: '1.0.0',
    description: 'Says hello',
    entry: { runtime, path: program.path },
    limits: { timeout: '30s' },
  }
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
  return { name: asked.name, runtime, files: [MANIFEST_FILE, program.path] }
}
