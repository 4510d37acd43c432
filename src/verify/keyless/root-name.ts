/** The root of Sigstore's public-good instance, which comes with the package. */
export const PUBLIC_GOOD = 'public-good'

/** What an operator may call a trusted root: it names a file. */
export const ROOT_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/
