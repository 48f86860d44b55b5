/**
 * The whole job, on real programs: issue, verify, revoke, prove. `npm run demo` in the root of the repository.
 *
 * Exit codes: 0 everything was as said, 1 something was not.
 *
 * @module
 */
import type { FastifyInstance } from 'fastify'
import { readBlock, send, tryBatch, tryRevoked, trySending } from './demo/customer.ts'
import { revoke, showUses, verifyOffline } from './demo/evidence.ts'
import { installPackages } from './demo/install.ts'
import { cleanUp, startClaviger, startNode } from './demo/processes.ts'
import { issueKeys, setUp } from './demo/provider.ts'
import { DemoFailed, screen } from './demo/screen.ts'
import type { OpenWallet } from './demo/wallet-contract.ts'
import { createRpcServer } from './server.ts'

const opened: FastifyInstance[] = []

async function main(): Promise<void> {
  screen.title('Claviger in front of an Ethereum node')
  await installPackages()
  // Not a literal: viem is there only now, and this file has to type check without it.
  const { openWallet } = (await import(new URL('./wallet.ts', import.meta.url).href)) as { openWallet: OpenWallet }

  screen.step('Claviger and an Ethereum node start')
  const [claviger, node] = await Promise.all([startClaviger(), startNode()])
  screen.fact('Claviger', claviger.url)
  screen.fact('Node', `${node.url}   anvil, a chain of its own`)

  const provider = await setUp(claviger)
  const { environmentId } = provider.environment
  const server = createRpcServer({ nodeUrl: node.url, claviger: { url: claviger.url, credential: provider.verifierCredential, environmentId } })
  opened.push(server)
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  screen.fact('Listening', `${url}   protect() in front of the node`)

  const { readOnly, readWrite } = await issueKeys(provider)
  const [reader, writer] = [openWallet(url, readOnly.secret), openWallet(url, readWrite.secret)]
  screen.note(`From here on the client is viem, unmodified, with the key in an Authorization header.`)
  await readBlock(reader)
  await trySending(reader)
  await tryBatch(reader)
  await send(writer)
  const receipt = await revoke(provider, readWrite)
  await tryRevoked(writer)
  await showUses(provider, readWrite, 'revoked')

  await server.close()
  await Promise.all([claviger.stop(), node.stop()])
  verifyOffline(receipt)
  screen.note('Claviger was stopped before this: nobody was asked.')
}

/** Whatever happens, nothing of the demo keeps running or lying about. */
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) process.on(signal, () => process.exit(code))
// Who reads along has stopped reading.
process.stdout.on('error', () => process.exit(1))
process.on('exit', cleanUp)

try {
  await main()
  screen.end('Everything was as said.')
} catch (error) {
  screen.failed(error instanceof DemoFailed ? error.message : error instanceof Error ? (error.stack ?? error.message) : 'Something that is no error was thrown.')
  process.exitCode = 1
} finally {
  await Promise.allSettled(opened.map((server) => server.close()))
  cleanUp()
}
