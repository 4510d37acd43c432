// Machines that run side by side and have one console: the first one that is not done speaks, the others are kept until then.

/** @returns {{ say: (text: string) => void, done: () => void }[]} */
export function inTurn(count, write) {
  const voices = Array.from({ length: count }, () => ({ kept: [], isDone: false }))
  const flush = () => {
    for (const voice of voices) {
      for (const text of voice.kept.splice(0)) write(text)
      if (!voice.isDone) return
    }
  }
  return voices.map((voice) => ({
    say(text) {
      voice.kept.push(text)
      flush()
    },
    done() {
      voice.isDone = true
      flush()
    },
  }))
}
