import { readFileSync } from "node:fs"
import type { IClientOptions, MqttClient } from "mqtt"
import { speakerOf, type Verdict } from "../../protocol/attestation.ts"
import {
  type AttestationRequest,
  answerTopic,
  mostAnswerBytes,
  readAnswer,
  requestTopic,
  writeRequest,
} from "../../protocol/attestation-messages.ts"
import type { Hex } from "../../protocol/hex.ts"
import { proposalDigest } from "../../protocol/proposal.ts"
import { readSecret } from "../../protocol/sealed-secret.ts"
import type { Config } from "../config.ts"
import { reasonOf } from "./reason.ts"

type Broker = NonNullable<Config["validatorBroker"]>

/** Those whose verdicts on one proposal are awaited, by their addresses. */
type Question = Map<Hex, Awaited>

interface Awaited {
  hear(payload: Uint8Array): Promise<void>
  giveUp(why: string): void
}

const usualPatienceMs = 60_000
/** Checking a signature costs: who can write on a validator's topic may send any number. */
const mostAnswers = 32
const mostWords = 500

/**
 * Asks validators by their addresses, over a broker (SPEC.md, 7.3). All who are asked for one proposal share one
 * connection and one request; it ends when all of them have answered, or patience has. Only what a validator signed
 * is its answer. Whatever else is on its topic anybody may have put there: it is told, and listening goes on.
 */
export function createMqttAsking(config: Pick<Config, "validatorBroker">, patienceMs = usualPatienceMs) {
  const questions = new Map<Hex, Question>()

  function open(broker: Broker, request: AttestationRequest): Question {
    const digest = proposalDigest(request, request.proposal)
    const question: Question = new Map()
    questions.set(digest, question)
    put(broker, request, question, patienceMs)
      .catch((error: unknown) => reasonOf(error))
      .then((why) => {
        questions.delete(digest)
        for (const one of question.values()) one.giveUp(why)
      })
    return question
  }

  /** @throws Error when nothing that it signed comes. */
  return async function askOverMqtt(validator: Hex, request: AttestationRequest): Promise<Verdict> {
    const { validatorBroker: broker } = config
    if (!broker) throw new Error("there is no validatorBroker yet: it waits for a restart of the gateway")
    const question = questions.get(proposalDigest(request, request.proposal)) ?? open(broker, request)
    return verdictOf(validator, request, question)
  }
}

function verdictOf(validator: Hex, request: AttestationRequest, awaited: Question): Promise<Verdict> {
  let heard: string | undefined
  let answers = 0
  return new Promise((resolve, reject) => {
    awaited.set(validator, {
      async hear(payload) {
        if (payload.length > mostAnswerBytes || ++answers > mostAnswers) return
        const answer = read(payload)
        if ("unread" in answer) heard = answer.unread
        else if ("error" in answer) heard = answer.error
        else if ((await speakerOf(request, request.proposal, answer)) !== validator)
          heard = answer.refused?.join("; ") ?? "a signature that is not its own"
        else {
          awaited.delete(validator)
          resolve(answer)
        }
      },
      giveUp: (why) =>
        reject(new Error(heard ? `${why}; unproven, in its name: ${heard.slice(0, mostWords)}` : why)),
    })
  })
}

function read(payload: Uint8Array) {
  try {
    return readAnswer(Buffer.from(payload).toString("utf8"))
  } catch (error) {
    return { unread: reasonOf(error) }
  }
}

/** @returns why listening is over. */
async function put(
  broker: Broker,
  request: AttestationRequest,
  awaited: Question,
  patienceMs: number,
): Promise<string> {
  const { connect } = await import("mqtt")
  const client = connect(broker.url, optionsOf(broker))
  const ends = whenOver(client, patienceMs)
  const answers = answerTopic(request, "+")
  const prefix = answers.slice(0, -1)
  const answered = new Promise<string>((resolve) => {
    client.on("message", (topic, payload) => {
      void awaited
        .get(topic.slice(prefix.length) as Hex)
        ?.hear(payload)
        .then(() => {
          if (awaited.size === 0) resolve("all have answered")
        })
    })
  })
  const refused = new Promise<string>((resolve) => {
    client.on("connect", () => {
      client
        .subscribeAsync(answers, { qos: 1 })
        .then(() =>
          client.publishAsync(requestTopic(request, request.proposal.site), writeRequest(request), {
            qos: 1,
          }),
        )
        .catch((error: unknown) =>
          resolve(`the broker refuses to pass on question or answers: ${reasonOf(error)}`),
        )
    })
  })
  try {
    return await Promise.race([answered, ends.over, refused])
  } finally {
    ends.clear()
    client.end(true)
  }
}

function whenOver(client: MqttClient, patienceMs: number) {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer over MQTT within ${patienceMs / 1000} s`), patienceMs)
    client.on("error", (error) => resolve(`the broker cannot be used: ${reasonOf(error)}`))
    client.on("close", () => resolve("the broker ended the connection"))
  })
  return { over, clear: () => clearTimeout(timer) }
}

function optionsOf({ username, passwordFile, caFile }: Broker): IClientOptions {
  return {
    reconnectPeriod: 0,
    connectTimeout: 10_000,
    ...(username !== undefined && { username }),
    ...(passwordFile !== undefined && {
      password: readSecret(passwordFile, "The password of validatorBroker"),
    }),
    ...(caFile !== undefined && { ca: readFileSync(caFile) }),
  }
}
