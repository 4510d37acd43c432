import type { Topic } from './topic.ts'

const TOPICS: readonly Topic[] = [
  {
    name: 'environment',
    what: 'variables that are heeded, and where everything is kept',
    load: async () => (await import('./environment.ts')).environment,
  },
  {
    name: 'exit-codes',
    what: 'what a command exits with, and every error code',
    load: async () => (await import('./exit-codes.ts')).exitCodes,
  },
  {
    name: 'manifest',
    what: 'the keys of plugin.json, and the limits that a plugin is given',
    load: async () => (await import('./manifest.ts')).manifest(),
  },
  {
    name: 'sandbox',
    what: 'what a plugin sees of this host, and what holds it',
    load: async () => (await import('./sandbox.ts')).sandbox,
  },
  {
    name: 'registries',
    what: 'where releases come from, and how one is made',
    load: async () => (await import('./registries.ts')).registries,
  },
  {
    name: 'updates',
    what: 'how plugins are updated, what waits, and the way back',
    load: async () => (await import('./updates.ts')).updates,
  },
  {
    name: 'trust',
    what: 'who may sign what, and what is never accepted',
    load: async () => (await import('./trust.ts')).trust,
  },
]

export const topicsOf = (): readonly Topic[] => TOPICS

export const findTopic = (name: string): Topic | undefined => TOPICS.find((topic) => topic.name === name)
