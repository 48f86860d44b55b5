/**
 * A customer's program: viem as it comes from npm. It knows nothing of Claviger; the key goes into a header, as with any
 * RPC provider.
 *
 * @module
 */
import { createPublicClient, createWalletClient, defineChain, formatEther, http, HttpRequestError, parseEther, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { Wallet } from './demo/wallet-contract.ts'

/** The first account of every anvil: made for tests, known to everybody. */
const account = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')

const chain = defineChain({ id: 31_337, name: 'anvil', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [] } } })

export function openWallet(url: string, key: string): Wallet {
  // Without retries, so that every use that Claviger records is one that you see here.
  const transport = http(url, { fetchOptions: { headers: { Authorization: `Bearer ${key}` } }, retryCount: 0 })
  const batching = http(url, { fetchOptions: { headers: { Authorization: `Bearer ${key}` } }, retryCount: 0, batch: { wait: 5 } })
  const reader = createPublicClient({ chain, transport })
  const writer = createWalletClient({ account, chain, transport })
  return {
    address: account.address,
    latestBlock: async () => {
      const { number, hash } = await reader.getBlock()
      return { number: Number(number), hash }
    },
    balanceOf: async (address) => formatEther(await reader.getBalance({ address: address as Hex })),
    send: (to, ether) => writer.sendTransaction({ to: to as Hex, value: parseEther(ether) }),
    receiptOf: async (hash) => {
      const receipt = await reader.waitForTransactionReceipt({ hash: hash as Hex, pollingInterval: 100 })
      return { status: receipt.status, blockNumber: Number(receipt.blockNumber), gasUsed: Number(receipt.gasUsed) }
    },
    batch: async () => {
      const together = createPublicClient({ chain, transport: batching })
      const signed = await writer.signTransaction(await writer.prepareTransactionRequest({ to: account.address, value: 0n }))
      const calls = [together.getBlockNumber(), together.sendRawTransaction({ serializedTransaction: signed }), together.getBalance({ address: account.address })]
      return Promise.allSettled<unknown>(calls)
    },
    refusalOf: (error) => {
      for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
        if (cause instanceof HttpRequestError && cause.status !== undefined) return { status: cause.status, challenge: cause.headers?.get('www-authenticate') ?? '' }
      }
      return null
    },
  }
}
