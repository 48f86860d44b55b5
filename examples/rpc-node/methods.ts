/**
 * The permission that each JSON-RPC method takes. What does not stand here is refused, whatever the key may do: a node
 * has methods that nobody should reach from outside, and the next version may have more.
 */
const reading = [
  'eth_blockNumber', 'eth_call', 'eth_chainId', 'eth_estimateGas', 'eth_feeHistory', 'eth_fillTransaction', 'eth_gasPrice', 'eth_getBalance',
  'eth_getBlockByHash', 'eth_getBlockByNumber', 'eth_getCode', 'eth_getLogs', 'eth_getStorageAt', 'eth_getTransactionByHash',
  'eth_getTransactionCount', 'eth_getTransactionReceipt', 'eth_maxPriorityFeePerGas', 'net_version', 'web3_clientVersion',
]

/** A map, not an object: `constructor` is no method of a node. */
const permissionByMethod: ReadonlyMap<string, string> = new Map([
  ...reading.map((method) => [method, 'rpc:read'] as const),
  ['eth_sendRawTransaction', 'rpc:write'],
])

/** What the provider tells Claviger that there is to be permitted. */
export const catalogue = [
  { name: 'rpc:read', access: 'read', description: 'Read blocks, balances, logs and receipts.' },
  { name: 'rpc:write', access: 'dangerous', description: 'Send signed transactions.' },
] as const

/** Null: nobody may. */
export const permissionOf = (method: string): string | null => permissionByMethod.get(method) ?? null
