// The page: figures as they come, and a few calls to try.
import { age, Card, figureList, size } from './cards.mjs'

/** @typedef {import('../figures.mjs').Snapshot} Snapshot */

/** @param {string} id */
const part = (id) => {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no ${id}`)
  return found
}

const link = part('link')
const answer = part('answer')
/** @type {Map<string, Card>} */
const cards = new Map()

const source = new EventSource('/events')
source.onopen = () => linkIs('live', 'live')
// The browser tries again by itself.
source.onerror = () => linkIs('lost', 'the host does not answer')
source.onmessage = ({ data }) => show(JSON.parse(data))

/** @param {string} state @param {string} text */
function linkIs(state, text) {
  link.dataset.state = state
  link.textContent = text
}

/** @param {Snapshot} snapshot */
function show({ atMs, host, plugins }) {
  part('host').replaceChildren(
    ...figureList({
      'host up': age(host.upMs),
      'host memory': size(host.memoryBytes),
      connections: String(host.connections),
      'requests answered': host.requests.answered.toLocaleString('en'),
      'requests refused': host.requests.refused.toLocaleString('en'),
    }),
  )
  part('empty').hidden = plugins.length > 0
  for (const [name, card] of cards) {
    if (plugins.some((plugin) => plugin.name === name)) continue
    card.node.remove()
    cards.delete(name)
  }
  for (const plugin of plugins) {
    const card = cards.get(plugin.name) ?? new Card(plugin.name)
    cards.set(plugin.name, card)
    card.show(plugin, atMs)
    if (!card.node.isConnected) part('plugins').append(card.node)
  }
}

for (const button of document.querySelectorAll('button')) {
  button.addEventListener('click', async () => {
    const { path = '', body = '{}' } = button.dataset
    button.disabled = true
    answer.textContent = `POST ${path} …`
    const began = performance.now()
    try {
      const response = await fetch(path, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })
      const text = await response.text()
      const ms = Math.round(performance.now() - began)
      answer.textContent = `POST ${path}: ${response.status} in ${ms} ms\n${text.slice(0, 4_000)}`
    } catch (error) {
      answer.textContent = `POST ${path}: ${error}`
    } finally {
      button.disabled = false
    }
  })
}
