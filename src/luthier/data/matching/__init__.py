"""What tells rows apart and which are alike: columns of hashes, signatures, groups."""
