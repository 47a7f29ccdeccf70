"""Items, spec tables, papers, sealed packages 题库与组卷."""
