"""Printed pages as running text: lines, columns, running heads, paragraphs, headings."""
