// For each URL a line: its status and title, or why there is none. It uses `fetch` as any program would; that there is a
// relay between it and the world shows in errors only.
const urls = process.argv.slice(2)

/** What the relay's ways to say no look like to a program. */
const MEANING = {
  ENOTFOUND: 'the name is not in permissions.network',
  ECONNREFUSED: 'the port is not in permissions.network',
  ENETUNREACH: 'this plugin was given no network here',
  EAI_AGAIN: 'this plugin was given no network here',
  ECONNRESET: 'the relay, or the server, ended the connection; `plugins audit` has the reason',
}

/** A page as large as the plugin's memory would end it; the title is near the front. */
const ENOUGH = 256 * 1024

async function beginningOf(response) {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length >= ENOUGH) break
  }
  return text
}

const titleOf = (page) => /<title[^>]*>([^<]*)/i.exec(page)?.[1].replace(/\s+/g, ' ').trim() || 'no title'

let failures = 0
for (const url of urls.length > 0 ? urls : ['https://example.com/']) {
  try {
    // A redirect leads to another host, which would have to be in the list too: it is shown, not followed.
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(10_000) })
    const to = response.headers.get('location')
    console.log(`${response.status} ${url}: ${to === null ? titleOf(await beginningOf(response)) : `goes to ${to}`}`)
  } catch (error) {
    failures++
    const code = error.cause?.code ?? error.name
    console.log(`--- ${url}: ${code}${MEANING[code] === undefined ? '' : `, ${MEANING[code]}`}`)
  }
}
process.exitCode = failures === 0 ? 0 : 1
