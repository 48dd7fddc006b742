import { testMeter } from "../../intake.test.support.ts"
import type { Intake } from "../../intake.ts"
import { partsOf } from "./broker.test.support.ts"
import { connectBroker } from "./external.ts"

/** A gateway that gets messages from the broker and never stores one: to be killed between the two. */
const intake: Pick<Intake, "submit"> = {
  submit() {
    console.log("received")
    return new Promise(() => {})
  },
}
connectBroker({ url: process.argv[2]!, clientId: "gateway" }, partsOf([testMeter("roof")], intake as Intake))
