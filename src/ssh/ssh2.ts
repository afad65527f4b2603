import agent from 'ssh2/lib/agent.js'
import keyParser from 'ssh2/lib/protocol/keyParser.js'

/**
 * What the doors need of ssh2, by the files it lies in: its index also loads servers, HTTP over SSH and the making
 * of keys.
 */
export { default as Client } from 'ssh2/lib/client.js'
export const { BaseAgent, OpenSSHAgent } = agent
export const { parseKey } = keyParser
