import { PluginError } from './errors.ts'

/** The steps that take a change back, in the order they were added; run last to first. */
export interface Undo {
  add(step: () => void | Promise<void>): void
}

/**
 * Runs `work`; if it throws, runs every undo step it added, last first, and throws the original error. A step that fails
 * itself does not stop the others, and is told beside the original: a half-undone change must not hide.
 */
export async function withUndo<T>(work: (undo: Undo) => Promise<T>): Promise<T> {
  const steps: (() => void | Promise<void>)[] = []
  try {
    return await work({ add: (step) => void steps.push(step) })
  } catch (error) {
    const failures: unknown[] = []
    for (const step of steps.reverse()) {
      try {
        await step()
      } catch (failure) {
        failures.push(failure)
      }
    }
    if (failures.length === 0) throw error
    const code = error instanceof PluginError ? error.code : 'INTERNAL'
    throw new PluginError(code, `${sentence(error)} (and could not undo it: ${failures.map(sentence).join('; ')})`, {
      cause: new AggregateError([error, ...failures]),
      hint: 'plugins list finishes or undoes what was interrupted',
    })
  }
}

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error))
