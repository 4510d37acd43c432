/** Something that stops the machine and is not a test's fault: one sentence, and the way out when we know it. */
export class Fault extends Error {
  /** @param {string} message begins with "cannot" @param {string} [hint] what to do about it */
  constructor(message, hint, options) {
    super(message, options)
    this.hint = hint
  }
}
