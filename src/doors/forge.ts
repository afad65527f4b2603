import { forgeBounds } from '../base/bounds.ts'
import { Client, request as send } from './undici.ts'

export interface ForgeCall {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** PEM of the authority to trust instead of the machine's. */
  readonly ca?: string
}

/**
 * Asks a forge's API once. Follows no redirect: a token goes where the home says and nowhere else. The proxy
 * settings of the environment are ignored.
 *
 * @returns the answer, its body cut at 256 KiB.
 * @throws what the network says; the signal's reason.
 */
export async function callForge(
  { method, url, headers, body, ca }: ForgeCall,
  signal: AbortSignal
): Promise<{
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}> {
  const at = new URL(url)
  const client = new Client(at.origin, {
    connect: { timeout: forgeBounds.deadlineMs, ...(ca === undefined ? {} : { ca }) },
    headersTimeout: forgeBounds.deadlineMs,
    bodyTimeout: forgeBounds.deadlineMs
  })
  try {
    const answer = await send(client, at, {
      method,
      headers: { 'user-agent': 'adversary-bot', accept: 'application/json', ...headers },
      signal: AbortSignal.any([signal, AbortSignal.timeout(forgeBounds.deadlineMs)]),
      ...(body === undefined ? {} : { body })
    })
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of answer.body) {
      chunks.push(chunk)
      length += chunk.length
      if (length > forgeBounds.bodyBytes) break
    }
    const texts = Object.entries(answer.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value
    ])
    return {
      status: answer.statusCode,
      headers: Object.fromEntries(texts),
      body: Buffer.concat(chunks).subarray(0, forgeBounds.bodyBytes).toString()
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    await client.destroy()
  }
}
