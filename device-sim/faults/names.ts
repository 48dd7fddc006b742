import { type BusFaultName, busFaults } from "./bus.ts"
import { type MessageFaultName, messageFaults } from "./message.ts"
import { type OperationFaultName, operationFaults } from "./operation.ts"
import { type RegisterFaultName, registerFaults } from "./register.ts"

/** The lies that a demonstration tells: those that one meter on MQTT can tell by itself, at any hour. */
export type FaultName = MessageFaultName | "counter-drop" | "over-rated" | "frozen"
export type AnyFaultName = MessageFaultName | RegisterFaultName | OperationFaultName | BusFaultName

type Sentences<Name extends string> = Readonly<Record<Name, string>>

function sentences<Name extends string>(faults: Readonly<Record<Name, { says: string }>>): Sentences<Name> {
  return Object.freeze(
    Object.fromEntries(Object.entries<{ says: string }>(faults).map(([name, { says }]) => [name, says])),
  ) as Sentences<Name>
}

/** Every fault with one sentence each, by what it is a fault of. */
export const faultsByKind = Object.freeze({
  messages: sentences(messageFaults),
  registers: sentences(registerFaults),
  operation: sentences(operationFaults),
  bus: sentences(busFaults),
})

export const faultNames: Sentences<FaultName> = Object.freeze({
  ...faultsByKind.messages,
  "counter-drop": registerFaults["counter-drop"].says,
  "over-rated": registerFaults["over-rated"].says,
  frozen: registerFaults.frozen.says,
})

export const anyFaultNames = Object.freeze(
  Object.values(faultsByKind).flatMap((group) => Object.keys(group)),
) as readonly AnyFaultName[]
