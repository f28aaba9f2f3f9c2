/** Rows for the shipped credit-risk model: it approves the first and declines the second. */
export const APPLICANT = {
  age: 35,
  income: 75000,
  credit_score: 720,
  employment_years: 8,
  employment_type: 'full_time',
  debt_to_income: 0.2,
};

export const WEAK_APPLICANT = {
  age: 24,
  income: 14000,
  credit_score: 480,
  employment_years: 0,
  employment_type: 'unemployed',
  debt_to_income: 0.7,
};
