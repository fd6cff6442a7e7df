/** Levels of GB/T 43697-2024, lowest first; the four general ones as in its informative annex H. */
export const GRADES = ["general-1", "general-2", "general-3", "general-4", "important", "core"] as const;
export type Grade = (typeof GRADES)[number];
export const gradeRank = (grade: Grade): number => GRADES.indexOf(grade);
