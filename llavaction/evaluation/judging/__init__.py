"""A language model as judge of descriptions: how well does each agree with what is known about its clip?"""
