// What a client did, or asked for, that this host itself refuses. What a plugin does is a PluginError.

export class HttpError extends Error {
  /**
   * @param {number} status @param {string} code @param {string} message
   * @param {Readonly<Record<string, string>>} [headers]
   */
  constructor(status, code, message, headers = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}
