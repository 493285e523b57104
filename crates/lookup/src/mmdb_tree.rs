//! The search tree of a MaxMind DB file, walked from end to end (format:
//! <https://maxmind.github.io/MaxMind-DB/>, "Binary Search Tree Section").
//!
//! The library that reads single addresses cannot tell where a v6 file repeats its v4 part under other
//! prefixes (2002::/16 and the like): it walks those anew or leaves them out. Here they are told by
//! the node they lead to, so that a compiled table can say the same in a few bytes.

/// The nodes of a file.
pub struct Tree<'a> {
    nodes: &'a [u8],
    node_count: u32,
    node_bytes: usize,
    is_v6: bool,
}

/// What a branch ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaf {
    /// No record.
    Empty,
    /// A record; equal numbers are the same record.
    Record(u32),
    /// The v4 part of a v6 file.
    V4,
}

/// More branches than any real file has (about twenty million); damage can make a tree of few nodes endless.
const BRANCH_LIMIT: u32 = 1 << 26;

impl<'a> Tree<'a> {
    /// The tree at the beginning of a file, as its metadata describe it.
    pub fn new(file: &'a [u8], metadata: &maxminddb::Metadata) -> Option<Self> {
        let node_bytes = match metadata.record_size {
            24 | 28 | 32 => usize::from(metadata.record_size) / 4,
            _ => return None,
        };
        let size = node_bytes.checked_mul(metadata.node_count as usize)?;
        Some(Self {
            nodes: file.get(..size)?,
            node_count: metadata.node_count,
            node_bytes,
            is_v6: metadata.ip_version == 6,
        })
    }

    /// Visits the v4 ranges in ascending order: first address, and what it has.
    ///
    /// # Errors
    /// If the tree is endless.
    pub fn walk_v4(&self, mut visit: impl FnMut(u32, Leaf)) -> Result<(), &'static str> {
        self.walk(self.v4_root(), 32, None, |start, _, leaf| visit((start >> 96) as u32, leaf))
    }

    /// Visits the v6 ranges in ascending order: first address, prefix length in bits, and what it has;
    /// none in a file without v6.
    ///
    /// # Errors
    /// If the tree is endless.
    pub fn walk_v6(&self, visit: impl FnMut(u128, u8, Leaf)) -> Result<(), &'static str> {
        if !self.is_v6 {
            return Ok(());
        }
        let v4 = Some(self.v4_root()).filter(|node| (1..self.node_count).contains(node));
        self.walk(0, 128, v4, visit)
    }

    fn walk(
        &self,
        root: u32,
        bits: u8,
        v4: Option<u32>,
        mut visit: impl FnMut(u128, u8, Leaf),
    ) -> Result<(), &'static str> {
        let mut branches = vec![(root, 0_u128, 0_u8)];
        let mut visited = 0;
        while let Some((node, start, depth)) = branches.pop() {
            visited += 1;
            if visited > BRANCH_LIMIT {
                return Err("its search tree does not end");
            }
            if Some(node) == v4 && depth <= 96 {
                visit(start, depth, Leaf::V4);
            } else if node > self.node_count {
                visit(start, depth, Leaf::Record(node));
            } else if node == self.node_count || depth >= bits {
                visit(start, depth, Leaf::Empty);
            } else {
                let half = 1 << (127 - depth);
                branches.push((self.child(node, 1), start | half, depth + 1));
                branches.push((self.child(node, 0), start, depth + 1));
            }
        }
        Ok(())
    }

    /// Where v4 addresses begin: behind 96 zero bits in a v6 file, or at the leaf met before.
    fn v4_root(&self) -> u32 {
        let mut node = 0;
        for _ in 0..if self.is_v6 { 96 } else { 0 } {
            if node >= self.node_count {
                break;
            }
            node = self.child(node, 0);
        }
        node
    }

    fn child(&self, node: u32, side: u8) -> u32 {
        let at = self.node_bytes * node as usize;
        let bytes = self.nodes.get(at..at + self.node_bytes);
        match (bytes, side) {
            (Some(&[a, b, c, _, _, _]), 0) => u32::from_be_bytes([0, a, b, c]),
            (Some(&[_, _, _, a, b, c]), _) => u32::from_be_bytes([0, a, b, c]),
            // The middle byte has the highest four bits of both.
            (Some(&[a, b, c, high, _, _, _]), 0) => u32::from_be_bytes([high >> 4, a, b, c]),
            (Some(&[_, _, _, high, a, b, c]), _) => u32::from_be_bytes([high & 15, a, b, c]),
            (Some(&[a, b, c, d, _, _, _, _]), 0) => u32::from_be_bytes([a, b, c, d]),
            (Some(&[_, _, _, _, a, b, c, d]), _) => u32::from_be_bytes([a, b, c, d]),
            _ => self.node_count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_of_each_size_leads_to_both_sides() {
        let cases: [(&[u8], [u32; 2]); 3] = [
            (&[1, 2, 3, 4, 5, 6], [0x01_0203, 0x04_0506]),
            (&[1, 2, 3, 0xAB, 4, 5, 6], [0x0A01_0203, 0x0B04_0506]),
            (&[1, 2, 3, 4, 5, 6, 7, 8], [0x0102_0304, 0x0506_0708]),
        ];
        for (nodes, expected) in cases {
            let tree = Tree { nodes, node_count: 1, node_bytes: nodes.len(), is_v6: false };
            assert_eq!([tree.child(0, 0), tree.child(0, 1)], expected);
            assert_eq!(tree.child(1, 0), 1, "behind the end there is no record");
        }
    }

    #[test]
    fn the_v4_part_of_a_v6_file_is_told_wherever_it_is_repeated() {
        // Node 0 leads to node 1 on both sides, that one to the v4 part, node 96, after 95 more zeros.
        let mut nodes = Vec::new();
        for node in 1..=96_u8 {
            let other = if node == 1 { 1 } else { 97 };
            nodes.extend([0, 0, node, 0, 0, other]);
        }
        nodes.extend([0, 0, 100, 0, 0, 97]);
        let tree = Tree { nodes: &nodes, node_count: 97, node_bytes: 6, is_v6: true };
        let mut v4 = Vec::new();
        tree.walk_v4(|start, leaf| v4.push((start, leaf))).unwrap();
        assert_eq!(v4, [(0, Leaf::Record(100)), (1 << 31, Leaf::Empty)]);
        let mut aliases = Vec::new();
        tree.walk_v6(|start, length, leaf| {
            assert!(!matches!(leaf, Leaf::Record(_)));
            if leaf == Leaf::V4 {
                aliases.push((start, length));
            }
        })
        .unwrap();
        assert_eq!(aliases, [(0, 96), (1 << 127, 96)]);
    }

    #[test]
    fn a_tree_that_leads_to_itself_is_refused() {
        let tree = Tree { nodes: &[0; 6], node_count: 1, node_bytes: 6, is_v6: false };
        assert!(tree.walk_v4(|_, _| {}).is_err());
    }
}
