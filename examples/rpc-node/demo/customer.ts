/** What the customer sees, through a client that knows nothing of Claviger. */
import type { Wallet } from './wallet-contract.ts'
import { DemoFailed, expect, screen } from './screen.ts'

const receiver = '0x000000000000000000000000000000000000dEaD'

export async function readBlock(wallet: Wallet): Promise<void> {
  screen.step('The read-only key reads a block')
  const block = await wallet.latestBlock()
  expect(block.number === 0, `The chain begins at block 0, and this is block ${block.number}.`)
  screen.done(`block ${block.number}   ${block.hash}`)
}

export async function trySending(wallet: Wallet): Promise<void> {
  screen.step('The read-only key tries to send a transaction')
  const refusal = await refusalOf(wallet, () => wallet.send(receiver, '1.5'))
  expect(refusal.status === 403, `It should be answered 403, and was answered ${refusal.status}.`)
  expect(refusal.challenge.endsWith('error="insufficient_scope", scope="rpc:write"'), 'The refusal should name the permission that is needed.')
  expect((await wallet.balanceOf(receiver)) === '0', 'The transaction went through.')
  screen.done(`refused: 403   ${refusal.challenge}`)
  screen.done('nothing was sent')
}

export async function tryBatch(wallet: Wallet): Promise<void> {
  screen.step('The read-only key sends a batch: two reads, and a transaction between them')
  const [first, second, third] = await wallet.batch()
  expect(first?.status === 'fulfilled' && third?.status === 'fulfilled', 'The reads of the batch should be answered.')
  expect(second?.status === 'rejected', 'The transaction in the batch should be refused.')
  screen.done('each call by itself: the reads are answered, the transaction is refused')
}

export async function send(wallet: Wallet): Promise<void> {
  screen.step('The read-write key sends a transaction')
  const hash = await wallet.send(receiver, '1.5')
  const receipt = await wallet.receiptOf(hash)
  const balance = await wallet.balanceOf(receiver)
  expect(receipt.status === 'success' && balance === '1.5', `It should have moved 1.5 ETH; ${receiver} has ${balance}.`)
  screen.done(`mined in block ${receipt.blockNumber}   ${receipt.gasUsed} gas   ${hash}`)
  screen.done(`${receiver} has ${balance} ETH`)
}

export async function tryRevoked(wallet: Wallet): Promise<void> {
  const refusal = await refusalOf(wallet, () => wallet.latestBlock())
  expect(refusal.status === 401, `The next call should be answered 401, and was answered ${refusal.status}.`)
  screen.done(`the next call of that key: 401   ${refusal.challenge}`)
}

async function refusalOf(wallet: Wallet, attempt: () => Promise<unknown>): Promise<{ readonly status: number; readonly challenge: string }> {
  try {
    await attempt()
  } catch (error) {
    const refusal = wallet.refusalOf(error)
    if (refusal === null) throw error
    return refusal
  }
  throw new DemoFailed('It should have been refused, and was let through.')
}
