//! Semroute: a semantic-routing gateway for LLM APIs.
