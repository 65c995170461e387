"""The writing side: the writer process, from journals into a store; and updates of finished runs."""
