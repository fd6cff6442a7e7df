import eslint from "@eslint/js";
import prettier from "eslint-config-prettier";
import tseslint from "typescript-eslint";

/**
 * DESIGN: chaincode ← client ← gateway; network, scripts and test use all three.
 * A package may import only what stands to the left of it.
 */
const arrow = (files, forbidden, message) => ({
  files,
  rules: {
    "no-restricted-imports": ["error", { patterns: [{ group: forbidden, message }] }],
  },
});

const PURE = "domain/ and log/ are pure and browser-safe: no I/O, no clock, no randomness. Take them as parameters.";

/** What a pure room may not touch: the clock, randomness and anything that does I/O. */
const pureGlobals = [
  "process",
  "console",
  "fetch",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "performance",
  "crypto",
];

export default tseslint.config(
  { ignores: ["**/dist/", "**/node_modules/", "coverage/", "data/", "network/.fabric/", "**/*.d.ts"] },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["*.js", "*/bin/*.js"] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      complexity: ["error", 16],
      eqeqeq: "error",
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_", argsIgnorePattern: "^_" }],
      "no-console": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  arrow(
    ["chaincode/src/**/*.ts"],
    ["@quanji/*", "express", "level", "jose"],
    "chaincode depends on nothing of ours (DESIGN §2).",
  ),
  arrow(
    ["client/src/**/*.ts"],
    ["@quanji/gateway*", "@quanji/network*", "@quanji/scripts*", "@quanji/test*"],
    "client may import chaincode only.",
  ),
  arrow(
    ["gateway/src/**/*.ts"],
    ["@quanji/network*", "@quanji/scripts*", "@quanji/test*"],
    "gateway may import chaincode and client only.",
  ),
  arrow(
    ["network/{fabric,evm}/src/**/*.ts"],
    ["@quanji/scripts*", "@quanji/test*"],
    "network may import chaincode, client and gateway only.",
  ),
  ...[
    { files: ["client/src/verify/*.ts"], inside: "\\./|\\.\\./verify/" },
    {
      files: ["client/src/verify/*/*.ts"],
      inside: "\\./|\\.\\./[a-z-]+\\.js$|\\.\\./\\.\\./documents/index\\.js$|zod$",
    },
    { files: ["client/src/documents/*.ts"], inside: "\\./|zod$" },
  ].map(({ files, inside }) => ({
    files,
    ignores: ["**/*.test.ts", "**/*.node.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              regex: `^(?!${inside}|#|@quanji/chaincode/(log|domain)$|jose|@noble/)`,
              message: "verify/ is browser-safe: @quanji/chaincode/log and /domain, jose and @noble only.",
            },
          ],
        },
      ],
      "no-restricted-globals": ["error", "process", "Buffer", "require"],
    },
  })),
  {
    files: ["chaincode/src/domain/**/*.ts", "chaincode/src/log/**/*.ts"],
    ignores: ["**/*.test.ts", "**/*.node.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: ["node:*", "fabric-*", "../world/*", "../contracts/*"], message: PURE }] },
      ],
      "no-restricted-globals": ["error", ...pureGlobals.map((name) => ({ name, message: PURE }))],
      "no-restricted-properties": [
        "error",
        { object: "Date", property: "now", message: PURE },
        { object: "Math", property: "random", message: PURE },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: PURE },
      ],
    },
  },
  {
    files: ["**/*.test.ts"],
    rules: {
      // chai's property assertions are expressions by design.
      "@typescript-eslint/no-unused-expressions": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      complexity: "off",
    },
  },
  {
    files: ["client/src/cli/**/*.ts", "scripts/src/**/*.ts", "test/src/{attacks,interop}/main.ts"],
    rules: { "no-console": "off" },
  },
  {
    files: ["**/*.js"],
    ...tseslint.configs.disableTypeChecked,
    languageOptions: { globals: { process: "readonly", console: "readonly" } },
  },
  prettier,
);
