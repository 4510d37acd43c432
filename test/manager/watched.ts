import { readFileSync, writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import type { LaunchOptions, PluginManager, Run } from '../../src/index.ts'
import { compile } from '../helpers/compile.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, type Household, household } from './household.ts'
import { pluginSpec } from './programs.ts'

/**
 * `wait`, `deaf` (to SIGTERM, with a child as deaf), `burn`, `open N`: says `up` on stdout and goes on. `say TEXT…`: each
 * to stderr, a line each. `flood N`: so many lines. `tick`: a line every 100 ms.
 */
export const program =
  cannotLaunch !== false
    ? ''
    : await compile(
        `#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int c, char **v) {
  const char *what = c > 1 ? v[1] : "wait";
  if (!strcmp(what, "say")) { for (int i = 2; i < c; i++) fprintf(stderr, "%s\\n", v[i]); return 0; }
  if (!strcmp(what, "flood")) { for (long i = 0; i < atol(v[2]); i++) fprintf(stderr, "flood %ld\\n", i); return 0; }
  if (!strcmp(what, "deaf")) { signal(SIGTERM, SIG_IGN); fork(); }
  if (!strcmp(what, "open")) for (long i = 0; i < atol(v[2]); i++) open("/dev/null", O_RDONLY);
  puts("up"); fflush(stdout);
  if (!strcmp(what, "burn")) for (volatile long i = 0;; i++);
  if (!strcmp(what, "tick")) for (int i = 0;; i++) { fprintf(stderr, "tick %d\\n", i); usleep(100000); }
  for (;;) pause(); }`,
        { static: true },
      )

/** A home with that program installed as acme/hello. */
export async function watchedHouse(t: TestContext, config: object = {}, manifest: object = {}): Promise<Household> {
  const house = await household(t)
  writeFileSync(house.layout.configFile, JSON.stringify(config), { mode: 0o600 })
  await house.reopen()
  await house.install(pluginSpec(program, manifest))
  return house
}

/** A run that has said `up`; ended with the test. */
export async function up(
  t: TestContext,
  plugins: PluginManager,
  args: readonly string[],
  options: LaunchOptions = {},
): Promise<Run> {
  const run = await plugins.run(HELLO, { args, ...options })
  // One whose launcher the test has killed has no outcome to wait for.
  t.after(() => run.close().catch(() => {}))
  run.stderr?.resume()
  await new Promise((resolve) => run.stdout?.once('data', resolve))
  return run
}

/** A run to its end. */
export async function done(plugins: PluginManager, args: readonly string[], options: LaunchOptions = {}) {
  const run = await plugins.run(HELLO, { args, ...options })
  for (const stream of [run.stdout, run.stderr]) stream?.resume()
  return { run: run.run, outcome: await run.outcome }
}

export async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of all) found.push(one)
  return found
}

/** Field 22 of /proc/PID/stat. */
export function startOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}
