import { unsafeSeededRandom } from '#core/crypto/random'

/** Choices that repeat themselves for the same seed. */
export interface Dice {
  /** 0 to `count` - 1. */
  below(count: number): number
  chance(probability: number): boolean
  pick<Item>(items: readonly Item[]): Item
  /** One of them, each as likely as its weight says; null when all weigh nothing. */
  weighted<Item>(items: readonly (readonly [weight: number, item: Item])[]): Item | null
}

export function createDice(seed: string): Dice {
  const random = unsafeSeededRandom(seed)
  let pool = random.bytes(0)
  let used = 0
  /** 0 to 1, without 1. */
  const fraction = (): number => {
    if (used + 4 > pool.length) {
      pool = random.bytes(1024)
      used = 0
    }
    used += 4
    return pool.readUInt32LE(used - 4) / 2 ** 32
  }
  return {
    below: (count) => Math.floor(fraction() * count),
    chance: (probability) => fraction() < probability,
    pick: (items) => items[Math.floor(fraction() * items.length)]!,
    weighted(items) {
      let left = fraction() * items.reduce((sum, [weight]) => sum + weight, 0)
      for (const [weight, item] of items) if ((left -= weight) < 0) return item
      return null
    },
  }
}
