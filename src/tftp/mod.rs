//! TFTP: RFC 1350 (protocol), 2347 (options), 2348 (blksize), 2349 (timeout, tsize), 7440 (windowsize).
//!
//! Sans-IO core; `io` is the edge.
