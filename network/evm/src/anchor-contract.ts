/** The anchor contract: deploying it, registering logs, reading heads. Any JSON-RPC endpoint, with a key that pays. */
import type { Contract, ContractRunner, ContractTransactionReceipt, Wallet } from "ethers";
import { contractAt, deploy, type Place, sent } from "./deploy.js";

export interface Deployed extends Place {
  readonly registrar: string;
}

export interface Head {
  readonly size: bigint;
  readonly root: string;
  readonly number: bigint;
}

/** Deploys one and waits for `confirmations` blocks, its own counted. Errors: the endpoint's, and the chain's. */
export async function deployAnchor(payer: Wallet, registrar: string, confirmations = 1): Promise<Deployed> {
  return { ...(await deploy("Anchor", payer, [registrar], confirmations)), registrar: registrar.toLowerCase() };
}

export const anchorAt = (address: string, runner: ContractRunner): Promise<Contract> =>
  contractAt("Anchor", address, runner);

/** Registers a log with those who may publish its heads, for good. Errors: as the contract reverts. */
export async function registerLog(
  contract: Contract,
  origin: string,
  publishers: readonly string[],
): Promise<ContractTransactionReceipt> {
  return sent(contract, "register", origin, publishers);
}

export async function headOf(contract: Contract, log: string): Promise<Head> {
  const [size, root, number] = (await contract.getFunction("head").staticCall(log)) as [bigint, string, bigint];
  return { size, root, number };
}
