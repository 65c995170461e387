"""The writer process: from journals into a store."""
