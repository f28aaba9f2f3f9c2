const EMPLOYMENT_TYPES = ['full_time', 'part_time', 'self_employed', 'unemployed'];

/** A loan application. The first is the one that the documentation shows; each of the first hundred is another. */
export function creditRiskRow(index: number): Record<string, unknown> {
  return {
    age: 18 + ((index + 17) % 80),
    income: 75000 - index * 612.5,
    credit_score: 300 + ((index * 7 + 420) % 551),
    employment_years: (index + 8) % 50,
    employment_type: EMPLOYMENT_TYPES[index % EMPLOYMENT_TYPES.length],
    debt_to_income: ((index + 20) % 100) / 100,
  };
}
