/** An expectation that did not hold. It ends the demo: what comes after would build on it. */
export class Unexpected extends Error {}

/** What the demo claims, counted: it is a test as well. */
export class Score {
  passed = 0
  failed = 0

  expect(holds, sentence) {
    if (!holds) {
      this.failed++
      throw new Unexpected(sentence)
    }
    this.passed++
  }
}
