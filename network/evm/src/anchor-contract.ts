/** The anchor contract: deploying it, registering logs, reading heads. Any JSON-RPC endpoint, with a key that pays. */
import { Contract, ContractFactory, type ContractRunner, type ContractTransactionReceipt, type Wallet } from "ethers";
import { readArtifact } from "./compile.js";

export interface Deployed {
  readonly chain: number;
  /** Lower case, as trust files have it. */
  readonly address: string;
  /** Block that it was deployed in: no event of it is older. */
  readonly block: number;
  readonly transaction: string;
  readonly registrar: string;
}

export interface Head {
  readonly size: bigint;
  readonly root: string;
  readonly number: bigint;
}

/** Deploys one and waits for `confirmations` blocks, its own counted. Errors: the endpoint's, and the chain's. */
export async function deployAnchor(payer: Wallet, registrar: string, confirmations = 1): Promise<Deployed> {
  const { abi, bytecode } = await readArtifact("Anchor");
  const contract = await new ContractFactory(abi, bytecode, payer).deploy(registrar);
  const transaction = contract.deploymentTransaction();
  const receipt = await transaction?.wait(confirmations);
  if (transaction === null || receipt?.status !== 1) throw new Error("the contract was not deployed");
  const address = (await contract.getAddress()).toLowerCase();
  const { chainId } = transaction;
  return {
    chain: Number(chainId),
    address,
    block: receipt.blockNumber,
    transaction: receipt.hash,
    registrar: registrar.toLowerCase(),
  };
}

export async function anchorAt(address: string, runner: ContractRunner): Promise<Contract> {
  return new Contract(address, (await readArtifact("Anchor")).abi, runner);
}

/** Registers a log with those who may publish its heads, for good. Errors: as the contract reverts. */
export async function registerLog(
  contract: Contract,
  origin: string,
  publishers: readonly string[],
): Promise<ContractTransactionReceipt> {
  return sent(contract, "register", origin, publishers);
}

/** Sends a transaction to the contract and waits for its block. Errors: the endpoint's, and as the contract reverts. */
export async function sent(
  contract: Contract,
  method: string,
  ...args: readonly unknown[]
): Promise<ContractTransactionReceipt> {
  const transaction = await contract.getFunction(method).send(...args);
  const receipt = await transaction.wait();
  if (receipt === null) throw new Error("the transaction has no receipt");
  return receipt;
}

export async function headOf(contract: Contract, log: string): Promise<Head> {
  const [size, root, number] = (await contract.getFunction("head").staticCall(log)) as [bigint, string, bigint];
  return { size, root, number };
}
